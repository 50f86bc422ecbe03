stage('Deploy <<environment>>') {
    when {
        beforeAgent true
        branch '<<branch>>'
        not { triggeredBy 'TimerTrigger' }
    }
    agent any
    environment {
        AWS_ROLE_ARN = '<<deploy_role>>'
        AWS_REGION = '<<region>>'
    }
    steps {
        sh '<<venv>>'
        withCredentials([file(credentialsId: 'ecs-stack-aws', variable: 'AWS_WEB_IDENTITY_TOKEN_FILE')]) {
            sh '.venv/bin/ecs-stack preview <<environment>>'
            sh '.venv/bin/ecs-stack up <<environment>> --yes --wait'
        }
    }
}

