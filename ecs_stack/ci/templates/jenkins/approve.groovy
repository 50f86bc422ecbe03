stage('Plan <<environment>>') {
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
        }
    }
}

stage('Approve <<environment>>') {
    when {
        branch '<<branch>>'
        not { triggeredBy 'TimerTrigger' }
    }
    // Outside of any agent, so that nothing is kept busy while it waits.
    steps {
        input(message: 'Deploy <<environment>>? The stage before shows what changes.', ok: 'Deploy')
    }
}

